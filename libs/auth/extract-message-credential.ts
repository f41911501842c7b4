import type { PresentedCredential } from './authentication.js';
import { fromAuthorization, takeField, textOf } from './extract-credential.js';

const NAME = 'authorization';

/**
 * Finds the credential of a message: its header `authorization` (any case), then the field `authorization` of its
 * payload; `token X`, `Bearer X`, HTTP Basic or the bare text. The field is taken out before the handler sees it.
 */
export function takeMessageCredential(payload: unknown, context: unknown): PresentedCredential | undefined {
  const field = takeField(payload, NAME);
  const header = headerOf(context);
  if (header !== undefined) return { ...readAuthorization(header), by: 'message-header' };
  return field === undefined ? undefined : { ...readAuthorization(field), by: 'message-field' };
}

function readAuthorization(value: unknown): Pick<PresentedCredential, 'text' | 'username'> {
  const text = textOf(value);
  return fromAuthorization(text) ?? { text };
}

/** Nest's NatsContext has the message's headers; other transports have none. */
function headerOf(context: unknown): string | undefined {
  const headers = (
    context as { getHeaders?: () => Iterable<[string, string[]]> | undefined } | undefined
  )?.getHeaders?.();
  for (const [name, values] of headers ?? []) if (name.toLowerCase() === NAME) return values.join(', ');
  return undefined;
}
