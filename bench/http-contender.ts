import type { Contender } from './case.js';
import type { HttpLoad, HttpLoadTask, HttpRequest } from './http-load.js';
import { measure } from './measure.js';
import type { Stage } from './stage.js';

/** What is asked over HTTP, each of the requests in turn. */
export interface HttpServer {
  readonly url: string;
  readonly requests: readonly HttpRequest[];
  readonly expect: HttpLoadTask['expect'];
}

/** A server as a contender. `pid` is its process'. */
export async function httpContender(
  { name, server, pid }: { name: string; server: HttpServer; pid: number | undefined },
  { stage, load }: { stage: Stage; load: HttpLoad },
): Promise<Contender> {
  const { url, requests, expect } = server;
  await load.prepare(name, requests);
  const { system } = stage;
  const servers = { service: pid, PostgreSQL: system.pid('postgres'), 'nats-server': system.pid('nats') };
  return {
    name,
    measure: (clients, milliseconds) =>
      measure(
        { clients: load.pid, ...servers },
        () => load.run({ url, requests: name, clients, milliseconds, expect }),
        () => stage.settle(),
      ),
  };
}
