import { Controller, Get, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, type NatsContext, Payload } from '@nestjs/microservices';
import { ApiTags } from '@nestjs/swagger';
import { RequireRoles, RequireScopes } from '@tokenlog/auth';
import { guardNameIn, subjectsOfGuards } from '@tokenlog/contracts/guard/guard-name.js';
import { heartbeat } from '@tokenlog/contracts/guard/heartbeat.js';
import { instant } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { answer } from '@tokenlog/platform/nats-transport.js';
import { Operation } from '@tokenlog/platform/operation.js';
import type { Pool } from 'pg';
import { z } from 'zod';
import { iso } from '../token/token-view.js';
import { Turns } from '../verification/turns.js';
import { CachingGuards } from './caching-guards.js';
import { grantLease, type LeaseHolder, type LeaseOffice, listGuards } from './guard-leases.js';

/** First heartbeats of one name that wait, and how long. With what comes before, a guard waits for a second. */
const MOST_WAITING = 200;
const LONGEST_WAIT_MS = 1000;

const guardView = named(
  'CachingGuard',
  z.object({
    guard: z.uuid(),
    /** Of its NATS user; null: it shares one. */
    name: z.string().nullable(),
    service: z.string(),
    version: z.string(),
    live: z.boolean(),
    leaseEndsAt: instant,
    entries: z.int(),
    hits: z.int(),
    misses: z.int(),
    hitRate: z.number().nullable(),
  }),
  {
    guard: '01997c9e-5555-7555-8555-555555555555',
    name: 'reports',
    service: 'reports',
    version: '0.1.0',
    live: true,
    leaseEndsAt: '2026-11-02T09:26:53.589Z',
    entries: 120,
    hits: 90,
    misses: 30,
    hitRate: 0.75,
  },
);
const guardList = named('CachingGuardList', z.object({ items: z.array(guardView) }), { items: [exampleOf(guardView)] });

/** Caching guards: their leases, and what operators see of them. */
@ApiTags('admin: guards')
@Controller('admin/guards')
export class GuardsController {
  private readonly office: LeaseOffice;

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    guards: CachingGuards,
  ) {
    const acknowledges = (holder: LeaseHolder) => guards.acknowledges(holder);
    this.office = { pool, turns: new Turns(MOST_WAITING, LONGEST_WAIT_MS), acknowledges };
  }

  @MessagePattern([heartbeat.subject, subjectsOfGuards(heartbeat.subject)])
  heartbeat(@Payload() payload: unknown, @Ctx() context: NatsContext) {
    const name = guardNameIn(context.getSubject());
    return answer(heartbeat, payload, async (beat) => {
      const refused = await grantLease(this.office, beat, name);
      return refused === null ? { granted: true } : { granted: false, refused };
    });
  }

  @Operation({
    id: 'listCachingGuards',
    summary: 'Caching guards of the last hour: name, service, version, lease, entries, hit rate.',
    answers: { 200: guardList },
  })
  @RequireScopes('admin')
  @RequireRoles('admin')
  @Get()
  async list(): Promise<z.output<typeof guardList>> {
    const guards = await listGuards(this.pool);
    return {
      items: guards.map(({ expiresAt, ...guard }) => ({
        ...guard,
        leaseEndsAt: iso(expiresAt),
        hitRate: guard.hits + guard.misses === 0 ? null : guard.hits / (guard.hits + guard.misses),
      })),
    };
  }
}
