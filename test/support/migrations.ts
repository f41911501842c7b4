import { createHash } from 'node:crypto';
import { Migration } from '@mikro-orm/migrations';
import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';

/** A step that is made of statements. */
export function stepOf(
  name: string,
  statements: readonly string[],
  { isSafeForEarlier = false }: { readonly isSafeForEarlier?: boolean } = {},
): MigrationStep {
  return class extends Migration {
    static override readonly name = name;
    static readonly isSafeForEarlier = isSafeForEarlier;

    override up(): void {
      for (const statement of statements) this.addSql(statement);
    }
  };
}

/** What a step runs, as it is written. */
export function statementsOf(Step: MigrationStep): string[] {
  // It adds statements, and asks nothing of a database.
  const step = new Step(...([] as unknown as ConstructorParameters<MigrationStep>));
  void step.up();
  return step.getQueries().map(String);
}

/** A line a step: its name, and a digest of what it runs. */
export function digestsOf(steps: readonly MigrationStep[]): string[] {
  return steps.map((step) => {
    const digest = createHash('sha256')
      .update(JSON.stringify(statementsOf(step)))
      .digest('hex');
    return `${step.name} ${digest.slice(0, 16)}`;
  });
}
