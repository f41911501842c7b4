import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { named } from '@tokenlog/contracts/named.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';
import { EXTERNAL_LOGIN, type ExternalLoginSettings } from '../config/external-login-settings.js';
import { lockExternalUser, subject } from '../user/external-identity.js';
import { factsOf, recordUserEvent } from '../user/record-user-event.js';
import { applicationUser } from '../user/register-user.js';
import { userTag } from '../user/user-tag.js';
import { lockUser, Users } from '../user/users.js';
import { externalLoginOff } from './external-login-failure.js';

/** The provider's `sub` of the person; null takes the link away. */
export const externalLink = named('ExternalLink', z.strictObject({ subject: subject.nullable() }), {
  subject: 'a3f1c2',
});

/**
 * An admin says who a user is at the provider, so that an account that was here before goes on under the external login
 * (S17). Names alone never do that. The log tells who did it.
 * Fails with 404 `user-not-found` or `external-login-off`, 409 `external-identity-taken` or `application-user`.
 */
export class LinkExternalIdentity extends Command<{ eventId: string }> {
  constructor(
    readonly userId: string,
    readonly subject: string | null,
    readonly metadata: Metadata,
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

@CommandHandler(LinkExternalIdentity)
export class LinkExternalIdentityHandler implements ICommandHandler<LinkExternalIdentity> {
  constructor(
    private readonly users: Users,
    @Inject(EXTERNAL_LOGIN) private readonly settings: ExternalLoginSettings | null,
  ) {}

  execute({ userId, subject, metadata, ifMatch }: LinkExternalIdentity) {
    const issuer = this.settings?.issuer.href;
    if (issuer === undefined) throw externalLoginOff();
    return this.users.transact(async (em) => {
      const holder = subject === null ? null : await lockExternalUser(em, { issuer, subject });
      if (holder && holder.id !== userId) {
        const detail = `That is ${holder.username} already; take the link away there, or delete that user, first.`;
        throw new Problem('external-identity-taken', detail);
      }
      const user = await lockUser(em, userId);
      ifMatch.assertHolds(userTag(user));
      if (user.kind === 'application') throw applicationUser();
      user.externalIssuer = subject === null ? null : issuer;
      user.externalSubject = subject;
      return {
        eventId: await recordUserEvent(em, user, { type: 'user-changed', data: { user: factsOf(user) } }, metadata),
      };
    });
  }
}
