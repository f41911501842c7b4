/** What `docs/seeds.md` says of one of the behaviours that Tokenlog promises. */
export interface SeedRow {
  /** 1 to 45. */
  readonly number: number;
  readonly behaviour: string;
  /** The spec files that prove it, from the root of the repository. */
  readonly specs: readonly string[];
  readonly where: string;
}

/** A test that has run. */
export interface RunTest {
  /** Its spec file, from the root of the repository. */
  readonly file: string;
  /** Its title after those of the describes around it. */
  readonly title: string;
  readonly status: string;
}

/** Reads the table of `docs/seeds.md`. */
export function readSeedRows(markdown: string): SeedRow[] {
  return markdown.split('\n').flatMap((line) => {
    const cells = /^\| S(\d+) +\|(.*)\|$/.exec(line);
    if (!cells) return [];
    const [behaviour = '', proof = '', where = ''] = (cells[2] ?? '').split(/(?<!\\)\|/).map((cell) => cell.trim());
    const specs = [...proof.matchAll(/`([^`]+\.spec\.tsx?)`/g)].map(([, file]) => file as string);
    return [{ number: Number(cells[1]), behaviour, specs, where }];
  });
}

/** Whether a title names a row: `S1` does not name `S12`. */
export function names(title: string, row: number): boolean {
  return new RegExp(`\\bS${row}\\b`).test(title);
}

/** What keeps a full run from proving every row: each line says which row, and what is wrong. */
export function unproven(rows: readonly SeedRow[], tests: readonly RunTest[]): string[] {
  return rows.flatMap(({ number, specs }) =>
    specs.flatMap((file) => {
      const own = tests.filter((test) => test.file === file && names(test.title, number));
      const failed = own.filter(({ status }) => status !== 'passed');
      if (own.length === 0) return [`S${number}: no test of ${file} names it`];
      return failed.map(({ title, status }) => `S${number}: ${status}: ${file}: ${title}`);
    }),
  );
}
