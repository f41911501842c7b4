import { run } from '@tokenlog/platform/run.js';

await run(async ({ began }) => {
  const { exampleConfig } = await import('./config.js');
  const { startExample } = await import('./example.module.js');
  return startExample(exampleConfig(process.env), began);
});
