import type { Application, NextFunction, Request, Response } from 'express';

/** What is read of Express' table of routes. */
interface Layer {
  readonly route?: { readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): boolean;
}

/** The methods that an address has, by the router's own table; none: there is nothing at it. */
function methodsAt(app: Application, path: string): string[] {
  const { stack } = app.router as unknown as { stack: readonly Layer[] };
  const routes = stack.filter((layer) => layer.route && !layer.route.methods._all && layer.match(path));
  const methods = new Set(routes.flatMap(({ route }) => Object.keys(route?.methods ?? {})));
  // RFC 9110, 9.3.2 and 9.3.7: these are answered for what has a route at all.
  if (methods.has('get')) methods.add('head');
  if (methods.size > 0) methods.add('options');
  return [...methods].map((method) => method.toUpperCase()).sort();
}

/** The header `Allow` (RFC 9110, 10.2.1) of what was asked for; `undefined`: there is nothing at this address. */
export function allowedAt({ app, path }: Request): string | undefined {
  return methodsAt(app, path).join(', ') || undefined;
}

/** Answers `OPTIONS` of what is there with 204 and `Allow`. Nothing is offered to other origins (S45). */
export function answerOptions(request: Request, response: Response, next: NextFunction): void {
  const allow = request.method === 'OPTIONS' ? allowedAt(request) : undefined;
  if (allow === undefined) next();
  else response.status(204).set('Allow', allow).end();
}
