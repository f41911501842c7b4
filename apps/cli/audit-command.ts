import { Option } from '@commander-js/extra-typings';
import type { AuditItem } from './api.js';
import type { Cli } from './cli.js';
import { type OpenCli, type Parent, shared } from './command.js';
import { auditColumns } from './event-table.js';
import { parse } from './options.js';
import { printableLines } from './text.js';

/** `tokenlog admin audit` */
export function addAuditCommand(parent: Parent, open: OpenCli): void {
  parent
    .command('audit')
    .description('the whole log, oldest first and without gaps')
    .option('--type <types>', 'such as token-revoked,token-refused')
    .option('--actor <user>', 'who did it: account name or id')
    .option('-u, --user <user>', 'whose token or session it is: account name or id')
    .option('-t, --token <id>', 'of this token', parse.id)
    .option('--from <when>', 'such as 2h (ago), 2027-01-31', parse.past)
    .option('--to <when>', 'such as 30m (ago), 2027-02-01', parse.past)
    .addOption(
      new Option('--format <format>', 'for other programs').choices(['jsonl', 'csv'] as const).conflicts('json'),
    )
    .addOption(shared.all())
    .addOption(shared.limit())
    .addOption(shared.cursor())
    .addOption(shared.wide())
    .action(async (options) => {
      const cli = open();
      const { all = false, format, wide, ...filter } = options;
      const query = { ...filter, limit: options.limit ?? (all ? 5000 : undefined) };
      if (format) return exportAudit(cli, { ...query, format }, all);
      const page = await cli.client.list<AuditItem>('tokens', '/admin/audit', query, all);
      if (cli.output.json) cli.output.body(page);
      else if (page.items.length > 0) cli.output.table(auditColumns, page.items, wide);
      cli.noteRest(page);
    });
}

/** Page after page as it comes: a log need not fit into memory. */
async function exportAudit({ client, output }: Cli, query: { format: string; cursor?: string }, all: boolean) {
  let { cursor } = query;
  for (let isFirst = true; ; isFirst = false) {
    const call = { query: { ...query, cursor } };
    const { body = '', headers } = await client.exchange<string>('tokens', 'GET', '/admin/audit', call);
    // Each page of CSV begins with the header; one is enough.
    const lines = isFirst || query.format !== 'csv' ? body : body.slice(body.indexOf('\r\n') + 2);
    await output.stream(output.isTerminal ? printableLines(lines) : lines);
    cursor = headers['next-cursor']?.toString();
    if (cursor === undefined) return;
    if (!all) return output.note(`There is more: --all, or --cursor ${cursor}`);
  }
}
