import { runService } from '@tokenlog/platform/service.js';
import { readTokensConfig } from './config.js';
import { tokensService } from './tokens.module.js';

await runService(() => tokensService(readTokensConfig()));
