import { run } from '@tokenlog/platform/run.js';

await run(async (start) => {
  const { runService } = await import('@tokenlog/platform/service.js');
  const { readIdentityConfig } = await import('./config/config.js');
  const { identityService } = await import('./identity.module.js');
  return runService(identityService(readIdentityConfig()), start);
});
