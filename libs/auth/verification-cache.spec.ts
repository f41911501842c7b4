import { randomUUID } from 'node:crypto';
import { formatCredential, generateSecret } from '@tokenlog/contracts/credential.js';
import { type Invalidate, invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { type ActiveReply, verify } from '@tokenlog/contracts/tokens/verify.js';
import { replyOf, VerificationCache } from './verification-cache.js';

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

  it('is bounded: room is made of what was not found since it was looked for last', () => {
    const cache = new VerificationCache(10);
    const [found, forgotten] = [randomUUID(), randomUUID()];
    const isFound = hold(cache, found, found);
    const isForgotten = hold(cache, forgotten, forgotten);
    for (let other = 0; other < 100; other++) {
      expect(isFound()).toBe(true);
      const id = randomUUID();
      hold(cache, id, id);
      expect(cache.size).toBeLessThanOrEqual(10);
    }
    expect(isForgotten()).toBe(false);
    expect(cache.size).toBe(10);
  });

  it('does not change with the answers that are made of it: they are copies, and their lists are frozen', () => {
    const cache = new VerificationCache(10);
    hold(cache, 'a text', randomUUID());
    const answer = () => replyOf(cache.find('a text', 0) as NonNullable<ReturnType<typeof cache.find>>);
    const before = structuredClone(answer());
    const changed = answer();
    changed.user.username = 'mallory';
    (changed.token as NonNullable<ActiveReply['token']>).description = 'changed';
    expect(() => changed.user.roles.push('admin')).toThrow(TypeError);
    expect(() => changed.scopes.push('admin')).toThrow(TypeError);
    expect(() => changed.token?.scopes.push('admin')).toThrow(TypeError);
    expect(answer()).toEqual(before);
  });
});
