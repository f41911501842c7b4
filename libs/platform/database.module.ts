import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { type DynamicModule, Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';
import { DatabaseClock } from './clock.js';
import { closeDatabase, type DatabasePart, databaseOptions, poolOf } from './database.js';

/** Injection token of the service's `pg` pool, the one below MikroORM. */
export const POOL = Symbol('POOL');

/** The service's part of the database: `MikroORM`, its pool as `POOL`, and its clock; closed at the end. */
@Global()
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(private readonly orm: MikroORM) {}

  static forRoot(url: string, part: DatabasePart, entities: Options['entities'] = []): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        { provide: MikroORM, useFactory: () => MikroORM.init(databaseOptions(url, part, entities)) },
        { provide: POOL, inject: [MikroORM], useFactory: poolOf },
        { provide: DatabaseClock, inject: [POOL], useFactory: (pool: Pool) => DatabaseClock.read(pool) },
      ],
      exports: [MikroORM, POOL, DatabaseClock],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await closeDatabase(this.orm);
  }
}
