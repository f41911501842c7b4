import { hash, randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { formatCredential, generateSecret } from '@tokenlog/contracts/credential.js';
import { type ActiveReply, verify } from '@tokenlog/contracts/tokens/verify.js';
import { VerificationCache } from '../../libs/auth/verification-cache.js';
import { givenArguments, serveParent } from '../child.js';

/** What this process is started with. */
export interface GuardMemoryGiven {
  readonly tokens: number;
  readonly tokensOfUser: number;
}

const { tokens, tokensOfUser } = givenArguments<GuardMemoryGiven>();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

serveParent(async () => {
  // What is made once, whatever is held, is made before.
  fill(new VerificationCache(tokens), 1);
  const before = used();
  const cache = new VerificationCache(tokens);
  fill(cache, tokens);
  const bytes = used() - before;
  if (cache.size !== tokens) throw new Error(`${cache.size} of ${tokens} tokens are held.`);
  return bytes / tokens;
});

function used(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function fill(cache: VerificationCache, count: number): void {
  let owner = '';
  for (let index = 0; index < count; index++) {
    if (index % tokensOfUser === 0) owner = randomUUID();
    const id = randomUUID();
    const text = formatCredential({ prefix: 'tkl', id, secret: generateSecret() });
    const until = performance.now() + 60_000;
    cache.install(text, replyAsReceived(id, owner, index), until, ['rest']);
    if (!cache.find(text, until - 1)) throw new Error('A token is not held.');
  }
}

/** As a guard has it: parsed from JSON, and checked. */
function replyAsReceived(id: string, owner: string, index: number): ActiveReply {
  const reply: ActiveReply = {
    active: true,
    kind: 'token',
    token: { id, description: `nightly export ${index}`, scopes: ['rest'], expiresAt: null, secretGeneration: 1 },
    user: { id: owner, username: `user-${hash('md5', owner).slice(0, 8)}`, roles: ['operator'] },
    scopes: ['rest'],
    checkedAt: new Date().toISOString(),
    validUntil: null,
  };
  const parsed = verify.reply.parse(JSON.parse(JSON.stringify(reply)));
  if (!parsed.active) throw new Error('Not the reply that was made.');
  return parsed;
}
