import { z } from 'zod';
import { defineRequest } from '../message.js';

const deployment = z.object({
  /** Made once in the deployment's database. */
  id: z.uuid(),
  /** Its `SERVER_NAME`. */
  serverName: z.string(),
  /** Which database it is: one that was copied has the same id. */
  database: z.string(),
});

/** A service that starts asks who is on this NATS server already; each service answers with the deployment that it is of. */
export const present = defineRequest({
  subject: 'internal.deployment.present',
  request: deployment,
  reply: deployment,
  example: {
    request: { id: '01997c9e-7777-7777-8777-777777777777', serverName: 'default', database: '7431/16384' },
    reply: { id: '01997c9e-8888-7888-8888-888888888888', serverName: 'staging', database: '7431/16401' },
  },
});
export type Deployment = z.infer<typeof deployment>;
