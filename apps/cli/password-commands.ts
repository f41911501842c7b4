import { Option } from '@commander-js/extra-typings';
import type { Impact } from './api.js';
import type { Cli } from './cli.js';
import { type OpenCli, type Parent, shared } from './command.js';
import { counted } from './text.js';

const EFFECTS = { revoke: 'revoked', 'end-sessions': 'kept, the sessions end', keep: 'kept, the sessions too' };

/** `tokenlog password …` */
export function addPasswordCommands(parent: Parent, open: OpenCli): void {
  const group = parent.command('password').description('your own password');

  group
    .command('change')
    .description('set a new password, giving the current one')
    .addOption(
      new Option('--tokens <what>', 'what becomes of your tokens, instead of the policy').choices([
        'revoke',
        'end-sessions',
        'keep',
      ] as const),
    )
    .addOption(shared.passwordStdin('the current password, then the new one, a line each'))
    .action(async (options) => {
      const cli = open(options);
      cli.warnOfPlainHttp();
      const currentPassword = await cli.prompts.password('Current password');
      const newPassword = await cli.prompts.newPassword('New password');
      const json = { currentPassword, newPassword, tokens: options.tokens };
      const { status } = await cli.client.exchange('identity', 'PUT', '/me/password', { json });
      if (!cli.output.json) cli.output.line('The password is changed.');
      noteIfPending(cli, status);
    });

  group
    .command('impact')
    .description('the tokens and sessions that a change would touch; changes nothing')
    .action(async () => {
      const cli = open();
      showImpact(cli, await cli.client.call<Impact>('identity', 'GET', '/me/password/impact'));
      if (!cli.output.json) cli.output.line('password change --tokens can do otherwise this once.');
    });
}

/** What would be touched, and how. */
export function showImpact({ output }: Cli, impact: Impact, fate: string = EFFECTS[impact.policy]): void {
  if (output.json) {
    output.body(impact);
    return;
  }
  output.line(`${counted(impact.tokens.length, 'token')}: ${fate}. ${counted(impact.sessions, 'session')}.`);
  if (impact.tokens.length === 0) return;
  output.table(
    [
      { title: 'ID', cell: ({ id }) => id, whole: true },
      { title: 'Description', cell: ({ description }) => description, prose: true },
      { title: 'State', cell: ({ state }) => state, whole: true },
    ],
    impact.tokens,
  );
}

/** 202: done, but another service has not said yet that it has applied it. */
export function noteIfPending({ output }: Cli, status: number): void {
  if (status === 202) output.note('The token service has not confirmed it yet; it will apply it as soon as it can.');
}
