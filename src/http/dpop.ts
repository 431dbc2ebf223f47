import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'
import type { DpopProofs } from '../tokens/dpop-proof.js'

/** Reads the DPoP proofs of requests (RFC 9449). */
export interface RequestProofs {
  /**
   * Returns the thumbprint of the key that signed the proof of a request. Sends a nonce with
   * the reply if the proof has another.
   *
   * @param accessToken the token that the proof must name; undefined where tokens are issued
   * @throws Problem `use_dpop_nonce`, `invalid_dpop_proof`
   */
  read: (request: FastifyRequest, reply: FastifyReply, accessToken?: string) => string
}

/** Creates {@link RequestProofs}. A proof names the URL that users see, under PUBLIC_URL. */
export function createRequestProofs(proofs: DpopProofs, publicUrl: string): RequestProofs {
  return {
    read: (request, reply, accessToken) => {
      const { dpop } = request.headers
      const addNonce = () => reply.header('dpop-nonce', proofs.currentNonce())
      if (dpop === undefined) {
        addNonce()
        throw new Problem('invalid_dpop_proof', { detail: 'Send a proof in the header "DPoP".' })
      }
      // A request may name the whole URL (RFC 9112 §3.2.2).
      const path = request.url.replace(/^https?:\/\/[^/?#]*/i, '')
      try {
        // Node joins two headers to a text that is not a proof.
        const { jkt, isNonceCurrent } = proofs.verify(String(dpop), {
          method: request.method,
          url: `${publicUrl}${path}`,
          ...(accessToken !== undefined && { accessToken }),
        })
        if (!isNonceCurrent) addNonce()
        return jkt
      } catch (error) {
        addNonce()
        throw error
      }
    },
  }
}
