import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ORDER = ['command', 'facts', 'decision', 'handler'] as const;
type Part = (typeof ORDER)[number];

const folder = fileURLToPath(new URL('.', import.meta.url));
const read = (file: string) => readFileSync(`${folder}/${file}`, 'utf8');
const useCases = globSync('{verbs,session,expiry}/*.ts', { cwd: folder })
  .filter((file) => !file.endsWith('.spec.ts') && /extends Command</.test(read(file)))
  .sort();

/** The parts of a use case in the order in which its file has them. What a handler needs beside stands behind it. */
function partsOf(text: string): Part[] {
  const source = ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((statement) => partOf(statement) ?? []);
}

function partOf(statement: ts.Statement): Part | null {
  if (ts.isClassDeclaration(statement)) {
    if (/extends Command</.test(statement.getText())) return 'command';
    return /@CommandHandler\(/.test(statement.getText()) ? 'handler' : null;
  }
  if (ts.isInterfaceDeclaration(statement)) return statement.name.text.endsWith('Facts') ? 'facts' : null;
  // What reads or writes waits for it; a decision does not.
  const isDecision = ts.isFunctionDeclaration(statement) && isExported(statement) && !isAsync(statement);
  return isDecision ? 'decision' : null;
}

function isExported(statement: ts.FunctionDeclaration): boolean {
  return statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function isAsync(statement: ts.FunctionDeclaration): boolean {
  return statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) ?? false;
}

/** What a function is given and gives, as its types say. */
function signatureOf(declaration: ts.FunctionDeclaration): string {
  return [...declaration.parameters, declaration.type].map((each) => each?.getText() ?? '').join(', ');
}

function decisionsOf(text: string): ts.FunctionDeclaration[] {
  const source = ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true);
  return source.statements.filter(ts.isFunctionDeclaration).filter((each) => partOf(each) === 'decision');
}

const inOrder = (parts: readonly Part[]) => parts.toSorted((one, other) => ORDER.indexOf(one) - ORDER.indexOf(other));

describe('a use case is read in one file', () => {
  it.each(useCases)('%s: its command, the facts it is decided on, its decision, its handler', (file) => {
    const parts = partsOf(read(file));
    expect(parts).toEqual(inOrder(parts));
    // Facts that several use cases share stand once, beside the rule that is decided on them.
    expect(parts).toEqual(expect.arrayContaining(['command', 'decision', 'handler']));
  });

  it.each(useCases)('%s: its decision is given no database, and waits for nothing', (file) => {
    for (const decision of decisionsOf(read(file))) {
      expect(signatureOf(decision)).not.toMatch(/\b(?:Sql|Work|EventStore|Promise)\b/);
    }
  });

  it('and not where its parts stand in another order', () => {
    const text = `
      export class A extends Command<void> {}
      @CommandHandler(A) export class AHandler {}
      export function a(state: State): Event[] { return []; }`;
    expect(partsOf(text)).toEqual(['command', 'handler', 'decision']);
    expect(inOrder(partsOf(text))).not.toEqual(partsOf(text));
  });

  it('wherever a token or a session is commanded', () => {
    expect(useCases.length).toBeGreaterThanOrEqual(9);
  });
});
