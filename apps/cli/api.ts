/** The bodies that the services answer, as far as they are shown here; their OpenAPI documents say the rest. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
  /** The audit has none. */
  readonly total?: number;
}

export interface Token {
  readonly id: string;
  readonly userId: string;
  readonly user: string;
  readonly description: string;
  readonly scopes: readonly string[];
  readonly state: 'active' | 'expired' | 'revoked' | 'invalid' | 'deleted';
  readonly expiresAt: string | null;
  readonly secondsTilExpiry: number | null;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
  readonly lastUsedAt: string | null;
  readonly useCount: number;
  readonly activeSessions: number;
}

export interface TokenAnswer {
  readonly token: Token;
}

export interface TokenWithSecret extends TokenAnswer {
  readonly secret: string;
}

export interface HistoryItem {
  readonly position: string;
  readonly type: string;
  readonly at: string;
  readonly by: string;
  readonly from: readonly { readonly service: string | null; readonly ip: string | null; readonly count: number }[];
  readonly changes: Readonly<Record<string, unknown>>;
}

export interface AuditItem extends HistoryItem {
  readonly tokenId: string | null;
  readonly sessionId: string | null;
}

export interface Session {
  readonly id: string;
  readonly user: string;
  readonly tokenId: string | null;
  readonly startedAt: string;
  readonly expiresAt: string;
  readonly ip: string | null;
}

export interface User {
  readonly id: string;
  readonly kind: 'person' | 'application';
  readonly username: string;
  readonly displayName: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly organization: string | null;
  readonly roles: readonly string[];
  readonly disabled: boolean;
  readonly hasPassword: boolean;
  readonly mustChangePassword: boolean;
  readonly lastLoginAt: string | null;
}

export interface Me {
  readonly user: Omit<User, 'displayName' | 'email' | 'phone' | 'disabled'>;
  readonly contact: Pick<User, 'displayName' | 'email' | 'phone'>;
}

export interface Login {
  readonly session: { readonly credential: string; readonly expiresAt: string };
  readonly user: User;
}

/** What a password change, or a user's deletion, would touch. */
export interface Impact {
  readonly policy: 'revoke' | 'end-sessions' | 'keep';
  readonly tokens: readonly { readonly id: string; readonly description: string; readonly state: string }[];
  readonly sessions: number;
}
