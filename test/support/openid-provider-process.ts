import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

/** An OpenID Connect provider as a process of its own; `openid-provider.ts` starts it and tells it whom it knows. */
const [port, clientId = '', clientSecret = '', redirectUrl = ''] = process.argv.slice(2);
let people: Record<string, Record<string, unknown>> = {};

const server = createServer();
await new Promise<void>((resolve) => server.listen(Number(port), '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUrl] }],
  // Whoever does without is refused.
  pkce: { required: () => true },
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'roles', 'realm_access'],
    email: ['email', 'email_verified'],
  },
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({ preferred_username: name, ...people[name], sub: name }),
  }),
  cookies: { keys: ['of a test'] },
});
server.on('request', provider.callback());

process.on('message', (known: typeof people) => {
  people = known;
  process.send?.({ known: Object.keys(people) });
});
process.on('disconnect', () => process.exit());
process.send?.({ issuer });
