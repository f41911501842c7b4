import { presentedText } from '@tokenlog/contracts/credential.js';
import { type AddressOptions, addressesOf, originOf, type Service, unencrypted } from './addresses.js';
import type { Page } from './api.js';
import { Client } from './client.js';
import { CredentialsFile, credentialsPath } from './credentials-file.js';
import { EXIT, Failure, localFailure } from './failure.js';
import { Output } from './output.js';
import { Prompts } from './prompts.js';
import type { Column } from './table.js';

/** The options that every command takes. */
export interface GlobalOptions extends AddressOptions {
  readonly json?: true | undefined;
  readonly passwordStdin?: true | undefined;
}

/** The process that a command runs in. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** What a list was asked to be. */
export interface ListOptions {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly all?: true | undefined;
  readonly idOnly?: true | undefined;
  readonly wide?: true | undefined;
}

/** What the commands work with. */
export class Cli {
  readonly client: Client;
  readonly credentials: CredentialsFile;
  readonly output: Output;
  readonly prompts: Prompts;
  private readonly env: NodeJS.ProcessEnv;

  /** @throws Failure (usage) for a wrong address */
  constructor({ env, ...streams }: Surroundings, options: GlobalOptions) {
    this.env = env;
    this.output = new Output(streams.stdout, streams.stderr, options.json === true, env);
    this.prompts = new Prompts(streams, options.passwordStdin === true);
    this.credentials = new CredentialsFile(credentialsPath(env));
    const origin = (service: Service) => originOf(service, options, env);
    this.client = new Client(addressesOf(options, env), () => this.credential(), origin);
  }

  /** The token of the environment, which comes before the file. */
  get tokenOfEnvironment(): string | undefined {
    const text = presentedText(this.env.TOKENLOG_TOKEN ?? '');
    if (/\p{Cc}/u.test(text)) {
      throw localFailure(
        EXIT.usage,
        'invalid-token',
        'TOKENLOG_TOKEN holds a line end or another control character, which is in no token.',
      );
    }
    return text || undefined;
  }

  /** Passwords are about to be sent. */
  warnOfPlainHttp(): void {
    for (const address of unencrypted(this.client.addresses)) {
      this.output.note(`Warning: ${address} is not encrypted; others on the way can read what is sent.`);
    }
  }

  /**
   * Does what may need the acting user's own password again (S11): at first without, unless it is at hand, and once more
   * with it when the server asks. A refusal for want of it has changed nothing.
   */
  async withPassword<Result>(work: (password: string | undefined) => Promise<Result>): Promise<Result> {
    if (this.prompts.hasPasswordsAtHand) return work(await this.prompts.password('your password'));
    try {
      return await work(undefined);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'password-required') throw error;
      if (!this.prompts.interactive) {
        throw new Failure(error.exitCode, error.problem, 'Hand it in with --password-stdin.');
      }
      return work(await this.prompts.password('Your password'));
    }
  }

  /** Shows a list as it is asked for: ids, the API's body, or a table. */
  showList<Item extends { readonly id: string }>(
    page: Page<Item>,
    columns: readonly Column<Item>[],
    { idOnly, wide }: ListOptions,
  ) {
    const { output } = this;
    if (idOnly) for (const { id } of page.items) output.line(id);
    else if (output.json) output.body(page);
    else if (page.items.length > 0) output.table(columns, page.items, wide);
    this.noteRest(page);
  }

  /** Says on stderr what a list does not show. */
  noteRest({ items, nextCursor, total }: Page<unknown>): void {
    if (items.length === 0) this.output.note('There are none.');
    if (nextCursor === null) return;
    const of = total === undefined ? '' : ` of ${total}`;
    this.output.note(`${items.length}${of} are shown. The rest: --all, or --cursor ${nextCursor}`);
  }

  private async credential(): Promise<string> {
    const found = this.tokenOfEnvironment ?? (await this.credentials.find(this.client.addresses))?.credential;
    if (found) return found;
    const { identity, tokens } = this.client.addresses;
    throw localFailure(
      EXIT.notAuthenticated,
      'not-logged-in',
      `There is no credential for ${[...new Set([identity, tokens])].join(' and ')}: run \`tokenlog login\`, or set TOKENLOG_TOKEN.`,
    );
  }
}
