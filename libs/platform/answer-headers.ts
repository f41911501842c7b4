import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import { tap } from 'rxjs';

const headersOf = new WeakMap<object, Readonly<Record<string, string>>>();

/** Has an answer carry headers, its `ETag` for instance: they come from where the view is made, and are no fields of it. */
export function withHeaders<View extends object>(view: View, headers: Readonly<Record<string, string>>): View {
  headersOf.set(view, { ...headersOf.get(view), ...headers });
  return view;
}

/** The headers that an answer is to carry: its own, and those of the view that it wraps, as `{token}` does. */
export function answerHeaders(answer: unknown): Readonly<Record<string, string>> {
  if (typeof answer !== 'object' || answer === null) return {};
  const token: unknown = 'token' in answer ? answer.token : null;
  return { ...(typeof token === 'object' && token !== null && headersOf.get(token)), ...headersOf.get(answer) };
}

/** Sets the headers of `withHeaders` on what is answered over HTTP. */
@Injectable()
export class AnswerHeaders implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    if (context.getType() !== 'http') return next.handle();
    const response = context.switchToHttp().getResponse<Response>();
    return next.handle().pipe(tap((answer: unknown) => void response.set(answerHeaders(answer))));
  }
}
