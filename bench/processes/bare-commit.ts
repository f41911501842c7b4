import pg from 'pg';
import { givenArguments, serveParent } from '../child.js';
import { askInTurn } from '../clients.js';

/** The least that a durable write costs: one row, one transaction, one connection. */
const { databaseUrl } = givenArguments<{ databaseUrl: string }>();
/** About what the event of a use has. */
const ROW_BYTES = 500;

const client = new pg.Client({ connectionString: databaseUrl });
await client.connect();
await client.query('DROP TABLE IF EXISTS bare_commits');
await client.query('CREATE TABLE bare_commits (row text NOT NULL)');
const statement = {
  name: 'bare-commit',
  text: 'INSERT INTO bare_commits VALUES ($1)',
  values: ['x'.repeat(ROW_BYTES)],
};

serveParent(({ milliseconds }: { milliseconds: number }) =>
  askInTurn('rows', [statement], { clients: 1, milliseconds }, async (insert) => {
    await client.query(insert);
  }),
);
