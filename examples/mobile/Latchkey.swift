// iOS 16 and later.
import Foundation
import Security

struct User: Codable, Sendable {
    let id: String
    let email: String
    let email_verified: Bool
    let name: String?
}

/// A code of Latchkey; `network`: no reply of Latchkey arrived; `logged_out`: log in first.
struct LatchkeyError: Error, Sendable {
    let code: String
    var retryAfter = 0
    var reasons: [String] = []
}

private struct Login: Codable {
    let refreshToken: String
    let user: User
}

private struct TokenReply: Decodable {
    let access_token: String
    let expires_in: Int
    let refresh_token: String
    let user: User
}

private struct Problem: Decodable {
    let code: String
    let reasons: [String]?
}

/// One object for the whole app.
actor Latchkey {
    private let api: String
    private var login: Login?
    private var access: (token: String, expires: ContinuousClock.Instant)?
    private var refreshing: Task<String, Error>?
    /// Changes with each login and logout.
    private var generation = 0

    /// Needs no network. If it throws, the phone is locked: try again later.
    init(api: String) throws {
        self.api = api
        login = try Keychain.read().map { try JSONDecoder().decode(Login.self, from: $0) }
    }

    /// The user as of the last reply, also offline; nil: logged out.
    var user: User? { login?.user }

    func signIn(email: String, password: String) async throws -> User {
        let reply = try await post("/login", ["email": email, "password": password])
        generation += 1
        refreshing = nil
        return try keep(reply)
    }

    /// Ends the login here at once. Throws if the server could not be told.
    func signOut() async throws {
        let ended = login
        try forget()
        guard let ended else { return }
        let body = ["refresh_token": ended.refreshToken]
        let (_, response) = try await send(request("POST", "/logout", body))
        guard response.statusCode == 204 else { throw LatchkeyError(code: "network") }
    }

    /// Sends a request with the token. After a 401 it repeats the request once.
    func call(
        _ method: String, _ path: String, body: [String: String]? = nil
    ) async throws -> (Data, HTTPURLResponse) {
        let used = try await accessToken()
        let reply = try await send(request(method, path, body, token: used))
        if reply.1.statusCode != 401 { return reply }
        // Another call may have renewed it meanwhile.
        if access?.token == used { access = nil }
        return try await send(request(method, path, body, token: accessToken()))
    }

    /// A token for the next request. Calls at the same time share one refresh.
    func accessToken() async throws -> String {
        if let access, ContinuousClock.now < access.expires { return access.token }
        if let refreshing { return try await refreshing.value }
        let task = Task { try await self.refresh() }
        refreshing = task
        defer { if refreshing == task { refreshing = nil } }
        return try await task.value
    }

    private func refresh() async throws -> String {
        guard let used = login else { throw LatchkeyError(code: "logged_out") }
        let mine = generation
        do {
            let reply = try await post("/refresh", ["refresh_token": used.refreshToken])
            // A logout or another login came first: this reply is too late.
            guard mine == generation else { throw LatchkeyError(code: "logged_out") }
            _ = try keep(reply)
            return reply.access_token
        } catch let error as LatchkeyError where error.code == "invalid_refresh_token" {
            // The only refusal that ends the login. All others keep it.
            if mine == generation { try forget() }
            throw error
        }
    }

    private func keep(_ reply: TokenReply) throws -> User {
        let kept = Login(refreshToken: reply.refresh_token, user: reply.user)
        login = kept
        access = (reply.access_token, ContinuousClock.now + .seconds(reply.expires_in - 30))
        try Keychain.write(JSONEncoder().encode(kept))
        return reply.user
    }

    private func forget() throws {
        generation += 1
        login = nil
        access = nil
        refreshing = nil
        try Keychain.delete()
    }

    private func post(_ path: String, _ body: [String: String]) async throws -> TokenReply {
        let (data, response) = try await send(request("POST", path, body))
        let isOk = (200..<300).contains(response.statusCode)
        if isOk, let reply = try? JSONDecoder().decode(TokenReply.self, from: data) { return reply }
        // Without a code: the page of a hotel's network, or a gateway that cannot reach Latchkey.
        let problem = try? JSONDecoder().decode(Problem.self, from: data)
        throw LatchkeyError(
            code: problem?.code ?? "network",
            retryAfter: response.value(forHTTPHeaderField: "Retry-After").flatMap { Int($0) } ?? 0,
            reasons: problem?.reasons ?? []
        )
    }

    private func request(
        _ method: String, _ path: String, _ body: [String: String]?, token: String? = nil
    ) throws -> URLRequest {
        guard let url = URL(string: api + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: url, timeoutInterval: 30)
        request.httpMethod = method
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let body {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = try JSONEncoder().encode(body)
        }
        return request
    }

    // URLSession.shared stores cookies with an expiry date, so the device cookie survives restarts.
    private func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        do {
            let (data, response) = try await URLSession.shared.data(for: request)
            guard let response = response as? HTTPURLResponse else {
                throw URLError(.badServerResponse)
            }
            return (data, response)
        } catch is URLError {
            throw LatchkeyError(code: "network")
        }
    }
}

/// Keeps one item. It is readable after the first unlock, so that background tasks can refresh, and
/// never leaves the phone, not in a backup either.
private enum Keychain {
    private static var item: [String: Any] {
        [
            kSecClass as String: kSecClassGenericPassword,
            kSecAttrService as String: "latchkey",
            kSecAttrAccount as String: "login",
        ]
    }

    static func read() throws -> Data? {
        var found: CFTypeRef?
        let query = item.merging([kSecReturnData as String: true]) { $1 }
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound { return nil }
        // For example errSecInteractionNotAllowed. It must not look like a logout.
        guard status == errSecSuccess else { throw KeychainError(status: status) }
        return found as? Data
    }

    static func write(_ data: Data) throws {
        let values: [String: Any] = [
            kSecValueData as String: data,
            kSecAttrAccessible as String: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        var status = SecItemUpdate(item as CFDictionary, values as CFDictionary)
        if status == errSecItemNotFound {
            status = SecItemAdd(item.merging(values) { $1 } as CFDictionary, nil)
        }
        guard status == errSecSuccess else { throw KeychainError(status: status) }
    }

    static func delete() throws {
        let status = SecItemDelete(item as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else {
            throw KeychainError(status: status)
        }
    }
}

struct KeychainError: Error, Sendable {
    let status: OSStatus
}
