/** What is read and written of OpenAPI 3.0's objects; `@nestjs/swagger` allows references in each place, also where it writes none. */
export interface Header {
  readonly description?: string;
  readonly schema?: object;
  readonly $ref?: string;
}
export interface Content {
  readonly schema?: Schema;
  readonly example?: unknown;
}
export interface Schema {
  readonly $ref?: string;
  readonly default?: unknown;
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, { readonly enum?: readonly unknown[] }>>;
}
export interface Answer {
  description: string;
  headers?: Record<string, Header>;
  content?: Record<string, Content>;
}
export interface OperationObject {
  readonly operationId?: string;
  readonly parameters?: readonly { readonly in: string }[];
  requestBody?: { required?: boolean; content: Record<string, Content> };
  responses: Record<string, Answer>;
  security?: readonly Readonly<Record<string, readonly string[]>>[];
}
