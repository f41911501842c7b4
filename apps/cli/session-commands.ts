import type { Session } from './api.js';
import { type OpenCli, type Parent, shared } from './command.js';
import { plainAddress } from './event-table.js';
import { parse } from './options.js';
import type { Column } from './table.js';
import { absolute, relative } from './times.js';

/** `tokenlog admin sessions …` */
export function addSessionCommands(parent: Parent, open: OpenCli): void {
  const group = parent.command('sessions').description('active sessions, of logins and of tokens');

  group
    .command('list')
    .description('newest first')
    .option('-u, --user <user>', 'of this user: account name or id')
    .option('-t, --token <id>', 'started with this token', parse.id)
    .addOption(shared.all())
    .addOption(shared.limit())
    .addOption(shared.cursor())
    .addOption(shared.wide())
    .addOption(shared.idOnly())
    .action(async (options) => {
      const cli = open();
      const { user, token, cursor, all = false } = options;
      const query = { user, token, cursor, limit: options.limit ?? (all ? 500 : undefined) };
      const page = await cli.client.list<Session>('tokens', '/sessions', query, all);
      const now = new Date();
      const columns: Column<Session>[] = [
        { title: 'ID', cell: ({ id }) => id, whole: true },
        { title: 'User', cell: ({ user }) => user },
        { title: 'Started', cell: ({ startedAt }) => relative(startedAt, now) },
        { title: 'Expiry Time', cell: ({ expiresAt }) => absolute(expiresAt), spare: 2 },
        { title: 'Token', cell: ({ tokenId }) => tokenId ?? '', whole: true, spare: 3 },
        { title: 'From', cell: ({ ip }) => (ip === null ? '' : plainAddress(ip)), spare: 1 },
      ];
      cli.showList(page, columns, options);
    });

  group
    .command('end')
    .description('end a session at once')
    .argument('<id>', "the session's id", parse.id)
    .action(async (id) => {
      const cli = open();
      await cli.client.call('tokens', 'DELETE', `/sessions/${id}`);
      if (!cli.output.json) cli.output.line(`Ended ${id}.`);
    });
}
