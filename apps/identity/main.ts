import { runService } from '@tokenlog/platform/service.js';
import { readIdentityConfig } from './config.js';
import { IdentityModule } from './identity.module.js';

await runService(() => {
  const config = readIdentityConfig();
  return {
    name: 'identity',
    description: 'Users, passwords, roles and login. Errors are RFC 9457 problems with a stable `code`.',
    module: IdentityModule.forRoot(config),
    port: config.IDENTITY_PORT,
    natsUrl: config.NATS_URL,
    databaseUrl: config.DATABASE_URL,
    trustedProxies: config.TRUSTED_PROXIES,
  };
});
