import { Controller, type DynamicModule, Get, Inject, Module } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import {
  HealthCheckService,
  type HealthIndicatorFunction,
  HealthIndicatorService,
  TerminusModule,
} from '@nestjs/terminus';
import { Public } from '@tokenlog/auth';
import { IgnoreUnknownFields } from './unknown-fields.js';

/** What must answer before a service takes traffic: each rejects when it does not. */
export type ReadinessChecks = Record<string, () => Promise<unknown>>;

const CHECKS = Symbol('READINESS_CHECKS');

@ApiTags('health')
@Public()
@IgnoreUnknownFields()
@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    @Inject(CHECKS) private readonly checks: ReadinessChecks,
  ) {}

  @ApiOperation({ summary: 'The process runs.' })
  @Get('live')
  live() {
    return this.health.check([]);
  }

  @ApiOperation({ summary: 'The process and what it stands on answer: send it traffic.' })
  @Get('ready')
  ready() {
    return this.health.check(
      Object.entries(this.checks).map(
        ([name, check]): HealthIndicatorFunction =>
          async () => {
            const indicator = this.indicators.check(name);
            return check().then(
              () => indicator.up(),
              (error: Error) => indicator.down(error.message),
            );
          },
      ),
    );
  }
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
