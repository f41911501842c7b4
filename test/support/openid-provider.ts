import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../../tools/paths.js';
import { Browser } from './browser.js';

const CLIENT = { id: 'tokenlog', secret: 'a client secret of the tests' };

/** A real OpenID Connect provider (npm `oidc-provider`) in a process of its own, where anybody can log in by name. */
export class OpenIdProvider {
  private constructor(
    private readonly process: ChildProcess,
    readonly issuer: string,
    readonly redirectUrl: string,
  ) {}

  /** @param redirectUrl the only one that it sends browsers back to; @param port any free one by default */
  static async start(redirectUrl: string, port = 0): Promise<OpenIdProvider> {
    const file = join(root, 'dist', 'test', 'support', 'openid-provider-process.js');
    const child = fork(file, [String(port), CLIENT.id, CLIENT.secret, redirectUrl], { stdio: 'ignore' });
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`the provider ended with ${code}`);
    });
    const [{ issuer }] = await Promise.race([once(child, 'message'), exited]);
    exited.catch(() => undefined);
    return new OpenIdProvider(child, issuer, redirectUrl);
  }

  /** What identity needs to know of it. */
  get env() {
    return {
      OIDC_ISSUER: this.issuer,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      OIDC_REDIRECT_URL: this.redirectUrl,
    };
  }

  /** Sets the claims that it gives of each person, by name; the name is the subject, and `preferred_username` by default. */
  async knows(people: Record<string, Record<string, unknown>>): Promise<void> {
    const heard = once(this.process, 'message');
    this.process.send(people);
    await heard;
  }

  /** A browser of its own goes all the way, and has the session at the end. */
  async logIn(name: string, path = '/login/oidc'): Promise<{ browser: Browser; answer: Response }> {
    const browser = new Browser();
    const back = await this.pass(browser, await browser.redirect(new URL(path, this.redirectUrl)), name);
    return { browser, answer: await browser.open(back) };
  }

  /**
   * Logs in and agrees on the provider's pages; with `null` for a name, turns back.
   * @returns where it sends the browser, which is not there yet
   */
  async pass(browser: Browser, authorization: URL, name: string | null): Promise<URL> {
    let next = authorization;
    for (let step = 0; step < 20; step++) {
      if (next.href.startsWith(`${this.redirectUrl}?`)) return next;
      const page = await browser.open(next);
      const location = page.headers.get('location');
      if (location) {
        next = new URL(location, next);
        continue;
      }
      const html = await page.text();
      const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1];
      if (page.status !== 200 || !action) throw new Error(`the provider answered ${page.status} ${html}`);
      if (name === null) {
        next = new URL(`${new URL(action, next).pathname}/abort`, next);
        continue;
      }
      const prompt = /name="prompt" value="(\w+)"/.exec(html)?.[1] ?? '';
      const form = new URLSearchParams({ prompt, ...(prompt === 'login' && { login: name, password: 'any' }) });
      next = await browser.redirect(new URL(action, next), { method: 'POST', body: form });
    }
    throw new Error(`the provider sends the browser about without end; last to ${next}`);
  }

  async stop(): Promise<void> {
    const exited = once(this.process, 'exit');
    this.process.disconnect();
    await exited;
  }
}
