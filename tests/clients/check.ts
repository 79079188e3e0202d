// What both clients share: the clinic's address, the demo's logins, and a check that ends the run.

export const BASE: string = process.env["CLINIC"] ?? "";
export const PATIENT = { email: "patient@example.com", password: "clinic-demo" };
export const ADMIN = { email: "admin@example.com", password: "clinic-demo" };

/** Return the value that an answer must have; raise the problem that came in its place. */
export function found<T>(value: T | undefined, problem?: unknown): T {
  if (value === undefined) throw new Error(`no answer: ${JSON.stringify(problem)}`);
  return value;
}

/** Raise an error unless both values are equal. */
export function same(what: string, value: unknown, expected: unknown): void {
  if (value !== expected) {
    throw new Error(`${what} is ${JSON.stringify(value)}, not ${JSON.stringify(expected)}`);
  }
}

/** Return the date that is so many days ahead. */
export function dayAhead(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
