import { Controller, Get, Header, type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Public } from '@tokenlog/auth';
import type { NextFunction, Request, Response } from 'express';
import { collectDefaultMetrics, Histogram, register } from 'prom-client';
import { Operation } from './operation.js';
import './service-metrics.js';
import { IgnoreUnknownFields } from './unknown-fields.js';

collectDefaultMetrics();

const requests = new Histogram({
  name: 'tokenlog_http_request_duration_seconds',
  help: 'Duration of HTTP requests by method, route pattern and status.',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
});

/**
 * Times HTTP requests by their route's pattern: a path could carry an id or a credential. Those that are refused count too,
 * but for bodies that cannot be read, which never come this far. A middleware, because one
 * interceptor in an application costs each of its requests more than this does.
 */
function timeRequest(request: Request, response: Response, next: NextFunction): void {
  const stop = requests.startTimer();
  response.once('finish', () =>
    stop({ method: request.method, route: request.route?.path ?? 'unknown', status: String(response.statusCode) }),
  );
  next();
}

@ApiTags('metrics')
@Public()
@IgnoreUnknownFields()
@Controller('metrics')
class MetricsController {
  @Operation({
    id: 'getMetrics',
    summary: 'Metrics in the Prometheus text format: numbers, and nothing of any user or token.',
    answers: {
      200: {
        formats: {
          'text/plain': 'tokenlog_http_request_duration_seconds_count{method="GET",route="/tokens",status="200"} 3\n',
        },
      },
    },
  })
  @Get()
  @Header('Content-Type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }
}

/** `GET /metrics`. */
@Module({ controllers: [MetricsController] })
export class MetricsModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(timeRequest).forRoutes('{*path}');
  }
}
