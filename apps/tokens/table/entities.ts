import { ShownToken } from '../token/token-view.js';
import { User } from '../user/user.entity.js';
import { Expiry } from './expiry.entity.js';
import { Session } from './session.entity.js';
import { SecretGrace, Token, TokenUsage } from './token.entity.js';

/** The read side: what the tables of the projections hold, and what is known of users. */
export const entities = [User, ShownToken, Token, SecretGrace, TokenUsage, Session, Expiry];
