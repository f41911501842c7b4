import { z } from 'zod';

/** Where named schemas stand in a document. */
export const REFERENCE = '#/components/schemas/';

/** A zod schema as JSON Schema. Who reads an answer takes what is not known there for a field of a version to come. */
export function convert(schema: z.ZodType, { schemaType }: { schemaType: 'input' | 'output' }) {
  const {
    definitions = {},
    $schema: _,
    ...json
  } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: schemaType,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // Zod leaves it out of what is transformed as it is read, for it cannot know which of the two forms it has.
      const { id, examples } = z.globalRegistry.get(zodSchema) ?? {};
      if (id !== undefined && jsonSchema.examples === undefined) jsonSchema.examples = examples as unknown[];
      if (schemaType === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      // What the format says already.
      if (jsonSchema.nullable && jsonSchema.anyOf) {
        // Of OpenAPI 3.0 only what has a type can be null.
        for (const one of jsonSchema.anyOf) Object.assign(one, { nullable: true });
        delete jsonSchema.nullable;
      }
      if (jsonSchema.format === 'uuid' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  return { schema: json, components: definitions as Record<string, { examples?: unknown[] }> };
}

/** Adds a named schema that no route has as a whole. */
export function addSchema(schema: z.ZodType, schemas: Record<string, unknown>): void {
  const { components } = convert(schema, { schemaType: 'output' });
  for (const [name, { examples, ...definition }] of Object.entries(components)) {
    const renamed = JSON.parse(JSON.stringify(definition).replaceAll('#/definitions/', REFERENCE));
    schemas[name] ??= { ...renamed, ...(examples && { example: examples[0] }) };
  }
}

export function nameOf(schema: z.ZodType): string {
  const { id } = schema.meta() ?? {};
  if (id === undefined) throw new Error('a schema of problems needs a name');
  return id;
}
