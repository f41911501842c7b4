import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  Injectable,
  Module,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '@tokenlog/auth';
import type { Request, Response } from 'express';
import { collectDefaultMetrics, Histogram, register } from 'prom-client';
import type { Observable } from 'rxjs';

collectDefaultMetrics();

const requests = new Histogram({
  name: 'tokenlog_http_request_duration_seconds',
  help: 'Duration of HTTP requests by method, route pattern and status.',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
});

/** Times every HTTP request by its route's pattern: a path could carry an id or a credential. */
@Injectable()
class HttpMetrics implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() === 'http') {
      const request = context.switchToHttp().getRequest<Request>();
      const response = context.switchToHttp().getResponse<Response>();
      const stop = requests.startTimer();
      response.once('finish', () =>
        stop({ method: request.method, route: request.route?.path ?? 'unknown', status: String(response.statusCode) }),
      );
    }
    return next.handle();
  }
}

@ApiTags('metrics')
@Public()
@Controller('metrics')
class MetricsController {
  @ApiOperation({ summary: 'Metrics in the Prometheus text format.' })
  @Get()
  @Header('Content-Type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }
}

/** `GET /metrics`. */
@Module({ controllers: [MetricsController], providers: [{ provide: APP_INTERCEPTOR, useClass: HttpMetrics }] })
export class MetricsModule {}
