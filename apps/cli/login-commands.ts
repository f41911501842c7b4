import type { Login, Me } from './api.js';
import { type OpenCli, type Parent, shared } from './command.js';
import { EXIT, Failure, localFailure } from './failure.js';
import { absolute, relative } from './times.js';

/** `tokenlog login | logout | whoami` */
export function addLoginCommands(parent: Parent, open: OpenCli): void {
  parent
    .command('login')
    .description('log in with a password, or with a token in its place; asks for what is not given')
    .option('-u, --username <name>', 'your account name')
    .addOption(shared.passwordStdin('the password'))
    .action(async (options) => {
      const cli = open(options);
      cli.warnOfPlainHttp();
      const username = options.username ?? (await cli.prompts.line('User name', '--username'));
      const password = await cli.prompts.password('Password');
      const call = { as: null, json: { username, password } };
      const login = await cli.client.call<Login>('identity', 'POST', '/login', call);
      const { credential, expiresAt } = login.session;
      const before = await cli.credentials.find(cli.client.addresses);
      await cli.credentials.save({ ...cli.client.addresses, username: login.user.username, credential, expiresAt });
      // The session before it would go on, with nobody left to end it; that it does is no reason to fail.
      if (before) await cli.client.call('identity', 'POST', '/logout', { as: before.credential }).catch(() => {});
      const { output } = cli;
      if (output.json) output.body(login);
      else
        output.line(
          `Logged in as ${login.user.username} until ${absolute(expiresAt)} (${relative(expiresAt, new Date())}).`,
        );
      if (login.user.mustChangePassword) output.note('The password must be changed first: tokenlog password change');
      if (cli.tokenOfEnvironment) output.note('TOKENLOG_TOKEN is set and comes before this login.');
    });

  parent
    .command('logout')
    .description('end the session that login started, and forget it here')
    .action(async () => {
      const cli = open();
      const saved = await cli.credentials.find(cli.client.addresses);
      if (!saved) throw localFailure(EXIT.notAuthenticated, 'not-logged-in', 'There is no login here to end.');
      await cli.credentials.forget(cli.client.addresses);
      try {
        await cli.client.call('identity', 'POST', '/logout', { as: saved.credential });
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        // A session that has ended already is what was wanted.
        if (error.exitCode !== EXIT.notAuthenticated) {
          const hint = `The login is forgotten here; the session itself lasts until ${absolute(saved.expiresAt)}.`;
          throw new Failure(error.exitCode, error.problem, hint);
        }
      }
      if (!cli.output.json) cli.output.line(`Logged out ${saved.username}.`);
    });

  parent
    .command('whoami')
    .description('who the server takes you for')
    .action(async () => {
      const cli = open();
      const me = await cli.client.call<Me>('identity', 'GET', '/me');
      const { output } = cli;
      if (output.json) return output.body(me);
      const { user, contact } = me;
      output.properties([
        ['User', user.username],
        ['ID', user.id],
        ['Kind', user.kind],
        ['Roles', user.roles.join(', ')],
        ['Organization', user.organization ?? ''],
        ['Name', contact.displayName ?? ''],
        ['E-mail', contact.email ?? ''],
        ['Phone', contact.phone ?? ''],
        ['Last Login', user.lastLoginAt === null ? '' : absolute(user.lastLoginAt)],
        ['Credential', cli.tokenOfEnvironment ? 'TOKENLOG_TOKEN' : cli.credentials.path],
      ]);
      if (user.mustChangePassword) output.note('The password must be changed first: tokenlog password change');
    });
}
