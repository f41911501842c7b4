import { Controller, type DynamicModule, Get, Inject, Module, ServiceUnavailableException } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  type HealthCheckResult,
  HealthCheckService,
  type HealthIndicatorFunction,
  HealthIndicatorService,
  TerminusModule,
} from '@nestjs/terminus';
import { Public } from '@tokenlog/auth';
import { named } from '@tokenlog/contracts/named.js';
import { z } from 'zod';
import { Operation } from './operation.js';

import { Problem } from './problem.js';
import { Part, type ReadinessChecks } from './readiness.js';
import { IgnoreUnknownFields } from './unknown-fields.js';
import { VERSION } from './version.js';

const CHECKS = Symbol('READINESS_CHECKS');

const parts = z.record(z.string(), z.looseObject({ status: z.string() }));
const health = named(
  'Health',
  z.object({
    status: z.string(),
    info: parts.optional(),
    error: parts.optional(),
    details: parts,
    version: z.string().optional().describe('of Tokenlog; where the process says that it runs'),
  }),
  { status: 'ok', info: { database: { status: 'up' } }, error: {}, details: { database: { status: 'up' } } },
);

@ApiTags('health')
@Public()
@IgnoreUnknownFields()
@Controller('health')
class HealthController {
  private readonly parts: readonly Part[];

  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    @Inject(CHECKS) checks: ReadinessChecks,
  ) {
    this.parts = Object.entries(checks).map(([name, check]) => new Part(name, check));
  }

  @Operation({
    id: 'getLiveness',
    summary: 'The process runs, and in which version.',
    answers: { 200: health },
    problems: ['not-ready'],
  })
  @Get('live')
  async live() {
    return { ...(await this.health.check([])), version: VERSION };
  }

  @Operation({
    id: 'getReadiness',
    summary: 'The process and what it stands on do their work: send it traffic.',
    description:
      '`details` names each part with its `status` (`up`, `degraded`: the service works without it, or `down`), `since` when ' +
      'and why. A part is looked at once a second at most, and waited for 1.5 s. The problem `not-ready` has the same `details`.',
    answers: { 200: { schema: health, description: '`status` is `ok`, or `degraded`.' } },
    problems: ['not-ready'],
  })
  @Get('ready')
  async ready(): Promise<HealthCheckResult> {
    const result = await this.health.check(this.parts.map((part) => this.indicatorOf(part))).catch(resultOf);
    const down = Object.entries(result.error ?? {}).map(([name, part]) => `${name}: ${part?.message}`);
    if (result.status === 'ok' || result.status === 'degraded') return result;
    const detail = down.length > 0 ? down.join('; ') : 'The service stops.';
    const { details, info, error } = result;
    throw new Problem('not-ready', detail, { members: { details, info, error } });
  }

  private indicatorOf(part: Part): HealthIndicatorFunction {
    return async () => {
      const { status, ...more } = await part.ask();
      const indicator = this.indicators.check(part.name);
      if (status === 'up') return indicator.up(more);
      return status === 'down' ? indicator.down(more) : indicator.degraded(more);
    };
  }
}

/** Terminus throws what it has found where something is down. */
function resultOf(error: unknown): HealthCheckResult {
  if (!(error instanceof ServiceUnavailableException)) throw error;
  return error.getResponse() as HealthCheckResult;
}

/** `GET /health/live` and `GET /health/ready`. */
@Module({})
export class HealthModule {
  static forRootAsync(options: {
    inject: never[] | unknown[];
    useFactory: (...parts: never[]) => ReadinessChecks;
  }): DynamicModule {
    return {
      module: HealthModule,
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController],
      providers: [{ provide: CHECKS, inject: options.inject as never[], useFactory: options.useFactory }],
    };
  }
}
