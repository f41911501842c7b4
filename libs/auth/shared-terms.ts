import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';

/** What the answers for many credentials have in common: those of one user with the same scopes. */
export interface Terms extends Pick<ActiveReply, 'kind' | 'user' | 'scopes'> {
  /** Null where there is no token: in a session that was started with a password. */
  readonly token: Pick<NonNullable<ActiveReply['token']>, 'scopes' | 'secretGeneration'> | null;
}

interface Shared {
  readonly terms: Terms;
  holders: number;
}

/** Holds equal terms once, as long as somebody holds them. Their lists are frozen: a change would reach every holder. */
export class SharedTerms {
  private readonly held = new Map<string, Shared>();

  /** The terms of an answer, to be given back to `release`. */
  hold(reply: ActiveReply): Terms {
    const terms = termsOf(reply);
    const key = JSON.stringify(terms);
    const shared = this.held.get(key) ?? { terms, holders: 0 };
    shared.holders++;
    this.held.set(key, shared);
    return shared.terms;
  }

  release(terms: Terms): void {
    const key = JSON.stringify(terms);
    const shared = this.held.get(key);
    if (shared && --shared.holders === 0) this.held.delete(key);
  }

  clear(): void {
    this.held.clear();
  }
}

function termsOf({ kind, user: { id, username, roles }, scopes, token }: ActiveReply): Terms {
  return {
    kind,
    user: { id, username, roles: frozen(roles) },
    scopes: frozen(scopes),
    token: token && { scopes: frozen(token.scopes), secretGeneration: token.secretGeneration },
  };
}

function frozen(list: readonly string[]): string[] {
  const copy = [...list];
  Object.freeze(copy);
  return copy;
}
