import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';

/** A stream and what it held, oldest first. */
export interface StreamMessages {
  readonly config: Partial<StreamConfig> & { readonly name: string };
  readonly messages: readonly {
    readonly subject: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly data: unknown;
  }[];
}

/** Reads a stream whole, without a consumer of its own. */
export async function messagesOf(nats: NatsConnection, name: string): Promise<StreamMessages> {
  const { streams } = await jetstreamManager(nats);
  const { config, state } = await streams.info(name);
  const messages = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
    const message = await streams.getMessage(name, { seq });
    if (!message) continue;
    const names = message.header?.keys() ?? [];
    messages.push({
      subject: message.subject,
      headers: Object.fromEntries(names.map((key) => [key, message.header.get(key)])),
      data: message.json(),
    });
  }
  const { subjects, retention, storage, discard, description, deny_delete, max_age, duplicate_window } = config;
  const kept = { name, subjects, retention, storage, discard, description, deny_delete, max_age, duplicate_window };
  return { config: kept, messages };
}

/** Makes a stream that is not there, and puts into it what it held. */
export async function putMessages(nats: NatsConnection, { config, messages }: StreamMessages): Promise<void> {
  const { streams } = await jetstreamManager(nats);
  await streams.add(config);
  for (const message of messages) {
    const told = headers();
    for (const [key, value] of Object.entries(message.headers)) told.set(key, value);
    await nats.request(message.subject, JSON.stringify(message.data), { headers: told, timeout: 5_000 });
  }
}
