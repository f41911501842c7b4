import { readdirSync, readFileSync } from 'node:fs';
import { commandHandlers, queryHandlers, reactions } from './tokens.module.js';

const folder = new URL('.', import.meta.url);
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  .join('\n');
const named = (pattern: RegExp) => [...sources.matchAll(pattern)].map(([, name]) => name).sort();

describe('the wiring table', () => {
  it('has one handler for each command and no other', () => {
    const commands = named(/export class (\w+) extends Command</g);
    expect([...commandHandlers, ...reactions].map(({ name }) => name).sort()).toEqual(
      commands.map((name) => `${name}Handler`),
    );
    expect(named(/@CommandHandler\((\w+)\)/g)).toEqual(commands);
  });

  it('has one handler for each query and no other', () => {
    const queries = named(/export class (\w+) extends Query</g);
    expect(queryHandlers.map(({ name }) => name).sort()).toEqual(queries.map((name) => `${name}Handler`));
  });
});
