// Token.cs: gives the signed-in user a token for the relay. PORT=3001 JWT_SECRET=… mono Token.exe
using System;
using System.Net;
using System.Security.Cryptography;
using System.Text;

class User
{
    public string Id, Profile;
}

static class Token
{
    static readonly byte[] Key = Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable("JWT_SECRET"));
    const int LifeSeconds = 300;

    /// <summary>Replace it: who is signed in, by your own session.</summary>
    static User SignedInUser(HttpListenerRequest request) =>
        request.Headers["Cookie"] == "session=sample" ? new User { Id = "alice", Profile = "staff" } : null;

    public static string Mint(User user)
    {
        var expiresAt = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + LifeSeconds;
        var header = Base64Url(Encoding.UTF8.GetBytes("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
        var claims = Base64Url(Encoding.UTF8.GetBytes(
            $"{{\"sub\":{Json(user.Id)},\"profile\":{Json(user.Profile)},\"iss\":\"https://app.example.com\",\"aud\":\"realtime-relay\"," +
            $"\"exp\":{expiresAt},\"jti\":\"{Guid.NewGuid()}\"}}"));
        using (var hmac = new HMACSHA256(Key))
        {
            var signature = Base64Url(hmac.ComputeHash(Encoding.ASCII.GetBytes($"{header}.{claims}")));
            return $"{{\"token\":\"{header}.{claims}.{signature}\",\"expires_at\":{expiresAt}}}";
        }
    }

    static string Base64Url(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    /// <summary>A JSON string in ASCII, whatever is in it. With System.Text.Json it is JsonSerializer.Serialize(text).</summary>
    static string Json(string text)
    {
        var json = new StringBuilder("\"");
        foreach (var unit in text) json.Append(char.IsLetterOrDigit(unit) && unit < 128 ? unit.ToString() : $"\\u{(int)unit:x4}");
        return json.Append('"').ToString();
    }

    static void Main()
    {
        var listener = new HttpListener();
        listener.Prefixes.Add($"http://127.0.0.1:{Environment.GetEnvironmentVariable("PORT")}/");
        listener.Start();
        Console.WriteLine("ready");
        while (true)
        {
            var context = listener.GetContext();
            var user = SignedInUser(context.Request);
            var asked = context.Request.HttpMethod == "POST" && context.Request.Url.AbsolutePath == "/token";
            context.Response.StatusCode = !asked ? 404 : user == null ? 401 : 200;
            context.Response.ContentType = "application/json";
            context.Response.AddHeader("Cache-Control", "no-store");
            var body = Encoding.UTF8.GetBytes(asked && user != null ? Mint(user) : "{}");
            context.Response.OutputStream.Write(body, 0, body.Length);
            context.Response.Close();
        }
    }
}
