import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { RequireRoles, RequireScopes } from '@tokenlog/auth';
import { named } from '@tokenlog/contracts/named.js';
import { Operation } from '@tokenlog/platform/operation.js';
import { z } from 'zod';
import { CONFIG, type Config } from '../config/config.js';
import { policyView } from '../config/policy.js';

const policyAnswer = named(
  'Policy',
  z.object({
    items: z.array(
      z.object({
        name: z.string(),
        value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).nullable(),
        variable: z.string(),
        from: z.enum(['environment', 'default']),
      }),
    ),
  }),
  { items: [{ name: 'maxLifetimeDays', value: 365, variable: 'POLICY_MAX_LIFETIME_DAYS', from: 'environment' }] },
);

/** The rules of this deployment, for whoever wonders why something was refused. */
@ApiTags('admin: policy')
@RequireScopes('admin')
@RequireRoles('admin')
@Controller('admin/policy')
export class PolicyController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Operation({
    id: 'getPolicy',
    summary: 'The policy in force, and where each value comes from. Null: no limit, or anything goes.',
    answers: { 200: policyAnswer },
  })
  @Get()
  policy(): z.output<typeof policyAnswer> {
    return { items: policyView(this.config.policy, this.config.policySet) };
  }
}
