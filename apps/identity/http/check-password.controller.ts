import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Public } from '@tokenlog/auth';
import { type CheckPasswordReply, checkPassword } from '@tokenlog/contracts/internal/check-password.js';
import { answer } from '@tokenlog/platform/nats-transport.js';
import { EnteredPassword } from '../login/check-entered-password.js';
import { Users } from '../user/users.js';

/**
 * The token service asks about a password that was entered again (S11); NATS' permissions let nobody else ask. For a user
 * who is unknown or disabled every password is wrong.
 */
@Public()
@Controller()
export class CheckPasswordController {
  constructor(
    private readonly users: Users,
    private readonly entered: EnteredPassword,
  ) {}

  @MessagePattern(checkPassword.subject)
  check(@Payload() payload: unknown) {
    return answer(checkPassword, payload, async ({ userId, password, ip }): Promise<CheckPasswordReply> => {
      const user = await this.users.find(userId);
      if (user && !user.disabled && user.passwordHash === null) return { outcome: 'no-local-password' };
      return this.entered.check(user?.disabled ? null : user, user?.username ?? userId, password, ip);
    });
  }
}
