import { type ActiveReply, verify } from '@tokenlog/contracts/tokens/verify.js';
import { SharedTerms } from './shared-terms.js';

const reply = verify.example.reply as ActiveReply;

test('equal terms are held once, and no longer than by their last holder', () => {
  const shared = new SharedTerms();
  const first = shared.hold(reply);
  expect(shared.hold(structuredClone(reply))).toBe(first);
  shared.release(first);
  expect(shared.hold(reply)).toBe(first);
  shared.release(first);
  shared.release(first);
  expect(shared.hold(reply)).not.toBe(first);
});

test('other scopes, roles or generations are other terms', () => {
  const shared = new SharedTerms();
  const others: ActiveReply[] = [
    { ...reply, scopes: [...reply.scopes, 'another'] },
    { ...reply, user: { ...reply.user, roles: [...reply.user.roles, 'another'] } },
    { ...reply, token: reply.token && { ...reply.token, secretGeneration: 99 } },
  ];
  expect(new Set([reply, ...others].map((each) => shared.hold(each))).size).toBe(4);
});
