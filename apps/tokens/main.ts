import { runService } from '@tokenlog/platform/service.js';
import { readTokensConfig } from './config.js';
import { TokensModule } from './tokens.module.js';

await runService(() => {
  const config = readTokensConfig();
  return {
    name: 'tokens',
    description: 'Issues access tokens, verifies them, and keeps the log of their whole life.',
    module: TokensModule.with(config),
    port: config.port,
    natsUrl: config.natsUrl,
    trustedProxies: config.trustedProxies,
  };
});
