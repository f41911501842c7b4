import type { ExecutionContext } from '@nestjs/common';
import { readAddress } from '@tokenlog/contracts/address.js';
import { operationOf, type Presented } from './authentication.js';
import type { RequestWithCredential } from './extract-credential.js';
import { type Handshake, readHandshakeCredential, takeMessageCredential } from './extract-message-credential.js';
import type { OriginOfRequest } from './same-origin.js';

/** What is read of an HTTP request, on Express and Fastify alike. */
export type IncomingRequest = RequestWithCredential & OriginOfRequest & { readonly ip?: string };

/** What is read of a WebSocket's client: socket.io's socket, or one of `ws` that was given its `request`. */
interface Socket {
  readonly handshake?: Handshake & { readonly address?: string };
  readonly request?: Partial<IncomingRequest> & { readonly socket?: { readonly remoteAddress?: string } };
}

/** What is read of a GraphQL operation's context: with the request of HTTP, or with the connection of graphql-ws. */
interface Operation {
  readonly req?: Partial<IncomingRequest> & Connection;
  readonly request?: IncomingRequest;
  readonly reply?: { readonly request?: IncomingRequest };
}

interface Connection {
  readonly connectionParams?: unknown;
  readonly extra?: { readonly request?: Partial<IncomingRequest> };
}

/**
 * What a message, a GraphQL operation or a WebSocket's event presents. `readRequest` reads that of an HTTP request.
 * @throws AuthProblem 403 `cross-origin`
 */
export function readOther(context: ExecutionContext, readRequest: (request: IncomingRequest) => Presented): Presented {
  switch (context.getType<string>()) {
    case 'graphql':
      return readOperation(operationOf(context), readRequest);
    case 'ws':
      return readSocketMessage(context.getArgByIndex(0), context.getArgByIndex(1));
    default: {
      const message = context.switchToRpc();
      return { ...alone, presented: takeMessageCredential(message.getData(), message.getContext()) };
    }
  }
}

/** Without an address, and with nobody to offer a challenge to. */
const alone = { ip: undefined, offersBasic: false };

function readOperation(operation: Operation & Connection, readRequest: (request: IncomingRequest) => Presented) {
  const carrier = operation.req ?? operation.request ?? operation.reply?.request ?? operation;
  const { connectionParams, extra } = carrier as Connection;
  if (connectionParams !== undefined || extra !== undefined) {
    const { headers, ip } = extra?.request ?? {};
    return { ...alone, ip, presented: readHandshakeCredential({ auth: connectionParams, headers }) };
  }
  if (isRequest(carrier)) return readRequest(carrier);
  throw new Error(
    '@tokenlog/auth finds no request in the context of this GraphQL operation: have it as `req`, as Apollo does by default.',
  );
}

function isRequest(carrier: object): carrier is IncomingRequest {
  const { headers, method } = carrier as Partial<IncomingRequest>;
  return typeof headers === 'object' && typeof method === 'string';
}

function readSocketMessage({ handshake, request }: Socket, payload: unknown): Presented {
  return {
    presented:
      takeMessageCredential(payload, undefined) ??
      readHandshakeCredential({ auth: handshake?.auth, headers: handshake?.headers ?? request?.headers }),
    ip: readAddress(handshake?.address ?? request?.socket?.remoteAddress) ?? undefined,
    offersBasic: false,
  };
}
