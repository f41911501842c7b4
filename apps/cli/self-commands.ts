import type { TokenAnswer, TokenWithSecret } from './api.js';
import { type OpenCli, type Parent, shared } from './command.js';
import { parse } from './options.js';
import { nameOf, showDone, showSecret, showToken } from './token-commands.js';

/** `tokenlog self …`: what a script needs to look after the token that it runs with. */
export function addSelfCommands(parent: Parent, open: OpenCli): void {
  const group = parent
    .command('self')
    .description('the token in TOKENLOG_TOKEN itself: for scripts, whatever its scopes');

  group
    .command('show')
    .description('all of it')
    .action(async () => {
      const cli = open();
      showToken(cli, await cli.client.call<TokenAnswer>('tokens', 'GET', '/tokens/self'));
    });

  group
    .command('refresh')
    .description('a new text; the old one is dead at once, or after a grace period')
    .option('-g, --grace <time>', 'how long the old text goes on working, such as 30m, 24h', parse.seconds)
    .option('--end-grace', 'earlier texts that still work end too')
    .option('-e, --expires <when>', 'a new expiry: such as 90d, 1y, 2027-01-31 or never', parse.expiry)
    .addOption(shared.secretOnly())
    .action(async (options) => {
      const cli = open();
      const json = { gracePeriodSeconds: options.grace, endGracePeriods: options.endGrace, ...options.expires };
      const answer = await cli.client.call<TokenWithSecret>('tokens', 'POST', '/tokens/self/refresh', { json });
      showSecret(cli, answer, 'Refreshed', options);
    });

  group
    .command('revoke')
    .description('end it for good, at once and everywhere')
    .option('-r, --reason <text>', 'kept in its history')
    .action(async ({ reason }) => {
      const cli = open();
      const answer = await cli.client.call<TokenAnswer>('tokens', 'POST', '/tokens/self/revoke', { json: { reason } });
      showDone(cli, answer, `Revoked ${nameOf(answer.token)}. It is refused from now on.`);
    });
}
