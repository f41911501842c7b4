import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger, type NestApplicationOptions } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { type ProblemCode, problemBody } from '@tokenlog/contracts/problems.js';
import type { Express, Response } from 'express';

/**
 * How long anybody may hold a connection for nothing, in ms: to send a whole request, its headers, the next one on an open
 * connection; and with nothing going either way, which ends whoever does not read an answer.
 */
const LIMITS = {
  requestTimeout: 10_000,
  headersTimeout: 10_000,
  /** Longer than proxies keep theirs (nginx and others: 60 s): who ends it first does so between requests, and not into one. */
  keepAliveTimeout: 65_000,
  /** How often the limits above are looked at; Node's own 30 s would be added to each. */
  connectionsCheckingInterval: 1_000,
} satisfies ServerOptions;
const SILENCE_MS = 60_000;
/** The most connections of one process; more are closed as they come. */
const MOST_CONNECTIONS = 10_000;

/** How long requests may take to be finished once the service is told to stop, in ms. */
export const FINISH_MS = 7_000;
/**
 * A connection is closed when nothing has come on it for so long, in ms: a request that its client sent before it could know
 * of the stop is still read.
 */
const LAST_REQUEST_MS = 300;
const LOOK_EVERY_MS = 20;

/** A request under way, or between two: what has been read of a connection when its last answer had gone. */
interface Connection {
  underWay: number;
  idleSince: number;
  bytesRead: number;
}

/**
 * Nest's Express with bounds on slow and idle connections, and an end that cuts nobody off: told to close, it accepts no
 * more connections, answers what has been asked with `Connection: close`, and only then are the hooks run that close what
 * the answers need. Every JSON body ends with a line end, for those who read it in a terminal.
 */
export class BoundedExpressAdapter extends ExpressAdapter {
  private readonly connections = new Map<Socket, Connection>();
  private readonly answering = new Set<ServerResponse>();
  private draining = false;

  /** @param alsoFinish what else answers requests, and finishes at the same time */
  constructor(private readonly alsoFinish: () => Promise<unknown> = async () => undefined) {
    super();
    endJsonWithLineEnd(this.getInstance());
  }

  override initHttpServer(_options: NestApplicationOptions): void {
    const server = createServer(LIMITS);
    server.timeout = SILENCE_MS;
    server.maxConnections = MOST_CONNECTIONS;
    server.on('connection', (socket) => this.onConnection(socket));
    server.on('request', (request, response) => this.onRequest(request, response));
    server.on('request', this.getInstance());
    // What is expected beside `100-continue` counts for nothing; Node's own 417 would be no problem (RFC 9110, 10.1.1).
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
    server.on('clientError', refuse);
    this.httpServer = server;
  }

  /** Called first of all when the application closes. */
  override async beforeClose(): Promise<void> {
    super.beforeClose();
    await Promise.all([this.finish(), this.alsoFinish()]);
  }

  private onConnection(socket: Socket): void {
    this.connections.set(socket, { underWay: 0, idleSince: performance.now(), bytesRead: 0 });
    socket.once('close', () => this.connections.delete(socket));
  }

  private onRequest({ socket }: IncomingMessage, response: ServerResponse): void {
    const connection = this.connections.get(socket);
    if (connection) connection.underWay++;
    this.answering.add(response);
    if (this.draining) response.setHeader('Connection', 'close');
    response.once('close', () => {
      this.answering.delete(response);
      if (!connection) return;
      connection.underWay--;
      connection.idleSince = performance.now();
      connection.bytesRead = socket.bytesRead;
    });
  }

  private async finish(): Promise<void> {
    const server: Server = this.httpServer;
    this.draining = true;
    for (const response of this.answering) if (!response.headersSent) response.setHeader('Connection', 'close');
    // Not `http.Server.close`, which cuts connections on which a request may be on its way.
    NetServer.prototype.close.call(server);
    const end = performance.now() + FINISH_MS;
    while (this.connections.size > 0 && performance.now() < end) {
      this.closeIdle();
      await delay(LOOK_EVERY_MS);
    }
    if (this.answering.size > 0) {
      new Logger('Http').warn(
        `${this.answering.size} requests were not answered within ${FINISH_MS / 1000} s of the stop`,
      );
    }
    server.closeAllConnections();
  }

  private closeIdle(): void {
    const before = performance.now() - LAST_REQUEST_MS;
    for (const [socket, { underWay, idleSince, bytesRead }] of this.connections) {
      if (underWay === 0 && idleSince < before && socket.bytesRead === bytesRead) socket.destroy();
    }
  }
}

/** All of Express' ways to answer end in `send`; white space after a JSON text is none of it (RFC 8259, 2). */
function endJsonWithLineEnd({ response }: Express): void {
  const send = response.send;
  response.send = function (this: Response, body?: unknown) {
    const isJson = typeof body === 'string' && body !== '' && /\bjson\b/.test(String(this.get('Content-Type')));
    return send.call(this, isJson && !body.endsWith('\n') ? `${body}\n` : body);
  };
}

const REFUSALS: Record<string, [code: ProblemCode, detail: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request was not sent within 10 s.'],
  HPE_HEADER_OVERFLOW: ['request-header-fields-too-large', 'The headers are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['payload-too-large', 'The chunk extensions are too large.'],
};

/** Answers what is no request, or does not become one in time, as Node does by itself, but as a problem. */
function refuse(error: Error & { code?: string }, socket: Socket & { _httpMessage?: ServerResponse }): void {
  if (!socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy(error);
    return;
  }
  const [code, detail] = REFUSALS[error.code ?? ''] ?? ['bad-request', 'That is not an HTTP request.'];
  const body = problemBody(code, detail);
  const text = `${JSON.stringify(body)}\n`;
  socket.end(
    `HTTP/1.1 ${body.status} ${STATUS_CODES[body.status]}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n` +
      `Cache-Control: no-store\r\nConnection: close\r\n\r\n${text}`,
  );
}
