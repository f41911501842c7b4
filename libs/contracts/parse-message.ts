import type { z } from 'zod';

/**
 * A message by its schema, or `undefined` for what is not JSON or not by it. For subscription callbacks: one that throws ends
 * the reader of its whole connection.
 */
export function parseMessage<Message>(schema: z.ZodType<Message>, message: { json(): unknown }): Message | undefined {
  try {
    return schema.safeParse(message.json()).data;
  } catch {
    return undefined;
  }
}
