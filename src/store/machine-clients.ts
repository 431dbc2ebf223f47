/** A program that gets access tokens of its own (RFC 6749 §4.4), as it is stored. */
export interface MachineClient {
  id: string
  /** For people; need not be unique. */
  name: string
  /** The SHA-256 of the secret, as base64url. */
  secretHash: string
  /** The hash of the secret before the last rotation; null if it never works again. */
  previousSecretHash: string | null
  /** Until when the previous secret works. */
  previousUntil: Date | null
  /** The scopes that its tokens can have, separated by spaces. */
  scopes: string
  /** Counts the events that end its tokens. The claim `ver` of its tokens. */
  version: number
  /** When the version was last raised; null if never. */
  versionChangedAt: Date | null
  disabledAt: Date | null
  createdAt: Date
}

/** The secret of a client after a rotation. */
export interface NextSecret {
  secretHash: string
  /** Until when the present secret goes on to work; null ends it, and every token, at once. */
  previousUntil: Date | null
}

/**
 * The stored machine clients. Every write is one statement. Every method throws Problem
 * `unavailable` if the database cannot be reached.
 */
export interface MachineClients {
  findById: (id: string) => Promise<MachineClient | null>
  /** Returns all clients, in the order of creation. */
  list: () => Promise<MachineClient[]>
  create: (client: Pick<MachineClient, 'name' | 'secretHash' | 'scopes'>) => Promise<MachineClient>
  /** Replaces the secret. Returns false if the client was rotated since it was read. */
  rotate: (client: Pick<MachineClient, 'id' | 'secretHash'>, next: NextSecret) => Promise<boolean>
  /**
   * Replaces the scopes, and ends the tokens. Returns false if the scopes were changed since
   * they were read.
   */
  setScopes: (client: Pick<MachineClient, 'id' | 'scopes'>, scopes: string) => Promise<boolean>
  /**
   * Disables a client, which ends its tokens, or enables it again. Ended tokens stay ended.
   * Returns false if the client is in that state already.
   */
  setDisabled: (id: string, disabled: boolean) => Promise<boolean>
}
