import { constants } from 'node:fs';
import { chmod, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { textOfBytes } from '@tokenlog/contracts/credential.js';
import type { Addresses } from './addresses.js';
import { EXIT, Failure, localFailure } from './failure.js';

/** A session that `login` started, and where it is good. */
export interface SavedCredential {
  readonly identity: string;
  readonly tokens: string;
  readonly username: string;
  readonly credential: string;
  readonly expiresAt: string;
}

interface Content {
  readonly version: 1;
  readonly credentials: readonly SavedCredential[];
}

/** `$XDG_CONFIG_HOME/tokenlog/credentials.json`, or below `~/.config`. */
export function credentialsPath(env: NodeJS.ProcessEnv): string {
  const given = env.XDG_CONFIG_HOME ?? '';
  // Its specification says that a relative path counts as unset.
  const folder = isAbsolute(given) ? given : join(env.HOME || homedir(), '.config');
  return join(folder, 'tokenlog', 'credentials.json');
}

/**
 * The credentials that `login` keeps, one for each pair of addresses. One is given out only for the very addresses that it
 * was got from: another server must never be shown it.
 */
export class CredentialsFile {
  constructor(readonly path: string) {}

  /** @throws Failure `credentials-exposed` where others could read it, `credentials-unreadable` where it is damaged */
  async find(addresses: Addresses): Promise<SavedCredential | undefined> {
    return (await this.read()).find((saved) => isFor(saved, addresses));
  }

  /** @throws Failure as `find` */
  async save(credential: SavedCredential): Promise<void> {
    const others = (await this.read()).filter((saved) => !isFor(saved, credential));
    await this.write([...others, credential]);
  }

  /** @throws Failure as `find` */
  async forget(addresses: Addresses): Promise<void> {
    const all = await this.read();
    const others = all.filter((saved) => !isFor(saved, addresses));
    if (others.length < all.length) await this.write(others);
  }

  private async read(): Promise<readonly SavedCredential[]> {
    let text: string;
    try {
      // The opened file is the one that is looked at: a name could be given to another one in between.
      const file = await open(this.path, constants.O_RDONLY);
      try {
        const { mode, uid } = await file.stat();
        this.refuseExposed(mode & 0o777, uid);
        text = textOfBytes(await file.readFile());
      } finally {
        await file.close();
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return [];
      if (error instanceof Failure) throw error;
      throw this.unreadable(`cannot be read (${code})`);
    }
    try {
      const content = JSON.parse(text) as Content;
      if (content.version === 1 && content.credentials.every(isSaved)) return content.credentials;
    } catch {
      // Said below.
    }
    throw this.unreadable('is damaged; remove it and log in again');
  }

  private refuseExposed(mode: number, owner: number): void {
    const user = process.getuid?.();
    // Windows has neither owners nor modes like these; a profile's folder is closed to others there.
    if (user === undefined) return;
    if (owner !== user) {
      throw this.exposed(`belongs to another user (${owner}). Make it yours: chown ${user} ${this.path}`);
    }
    if (mode & 0o077) {
      const octal = mode.toString(8).padStart(3, '0');
      throw this.exposed(`is open to others (mode ${octal}). Close it: chmod 600 ${this.path}`);
    }
  }

  /** In one step: whoever reads meanwhile, or after a crash, finds the old content or the new. */
  private async write(credentials: readonly SavedCredential[]): Promise<void> {
    const folder = dirname(this.path);
    const temporary = `${this.path}.${process.pid}`;
    const content: Content = { version: 1, credentials };
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rm(temporary, { force: true });
      await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
      // The process' umask may have taken away what the owner needs.
      await chmod(temporary, 0o600);
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      const { code } = error as NodeJS.ErrnoException;
      throw localFailure(EXIT.failed, 'credentials-unwritable', `${this.path} cannot be written (${code}).`);
    }
  }

  private exposed(what: string) {
    return localFailure(EXIT.failed, 'credentials-exposed', `${this.path} ${what}`);
  }

  private unreadable(what: string) {
    return localFailure(EXIT.failed, 'credentials-unreadable', `${this.path} ${what}.`);
  }
}

function isFor(saved: SavedCredential, { identity, tokens }: Addresses): boolean {
  return saved.identity === identity && saved.tokens === tokens;
}

function isSaved(value: unknown): value is SavedCredential {
  const saved = value as Record<string, unknown> | null;
  return ['identity', 'tokens', 'username', 'credential', 'expiresAt'].every((key) => typeof saved?.[key] === 'string');
}
