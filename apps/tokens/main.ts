import { run } from '@tokenlog/platform/run.js';

await run(async (start) => {
  const { runService } = await import('@tokenlog/platform/service.js');
  const { readTokensConfig } = await import('./config/config.js');
  const { tokensService } = await import('./tokens.module.js');
  return runService(tokensService(readTokensConfig()), start);
});
