import { connect } from '@nats-io/transport-node';
import { natsOptions } from '@tokenlog/platform/nats.js';
import { givenArguments, serveParent } from '../child.js';

/** The least that can answer over NATS: a subscription that sends back what it got. */
const { natsUrl, subject } = givenArguments<{ natsUrl: string; subject: string }>();
const nats = await connect(natsOptions(natsUrl, 'tokens', 'bench-echo'));
nats.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) });
await nats.flush();
serveParent();
