import { randomUUID } from 'node:crypto';
import { formatCredential, generateSecret } from '@tokenlog/contracts/credential.js';
import { type Invalidate, invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { type ActiveReply, verify } from '@tokenlog/contracts/tokens/verify.js';
import { VerificationCache } from './verification-cache.js';

const example = verify.example.reply as ActiveReply;
const nothing: Invalidate = { ...invalidate.example, all: false, tokens: [], sessions: [], users: [] };

describe('what a caching guard holds', () => {
  const hold = (cache: VerificationCache, text: string, tokenId: string, session?: ActiveReply['session']) => {
    const token = { ...(example.token as NonNullable<ActiveReply['token']>), id: tokenId };
    cache.install(text, { ...example, token, ...(session && { session }) }, Number.POSITIVE_INFINITY, undefined);
    return () => cache.find(text, 0) !== undefined;
  };
  const credential = (prefix: 'tkl' | 'tks', id: string) => formatCredential({ prefix, id, secret: generateSecret() });

  it('S21 S29 S37 of a token goes with it: its text, or access key, and its sessions; other tokens stay', () => {
    const cache = new VerificationCache(100);
    const [one, key, other, sessionId] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const session = { ...example.session, id: sessionId } as NonNullable<ActiveReply['session']>;
    const held = {
      token: hold(cache, credential('tkl', one), one),
      accessKey: hold(cache, 'an access key from a file', key),
      session: hold(cache, credential('tks', sessionId), one, session),
      other: hold(cache, credential('tkl', other), other),
    };
    const look = () => Object.entries(held).flatMap(([name, isHeld]) => (isHeld() ? name : []));
    expect(look()).toEqual(['token', 'accessKey', 'session', 'other']);
    cache.evict({ ...nothing, tokens: [one] });
    expect(look()).toEqual(['accessKey', 'other']);
    cache.evict({ ...nothing, tokens: [key] });
    expect(look()).toEqual(['other']);
  });
});
