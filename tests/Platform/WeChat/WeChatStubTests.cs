using Backend.Tests.Support;

namespace Backend.Tests.Platform.WeChat;

public class WeChatStubTests
{
    [Fact]
    public async Task An_outside_call_that_the_stub_does_not_know_fails_the_test()
    {
        var stub = new WeChatStub();
        using var http = new HttpClient { BaseAddress = stub.BaseAddress };
        await http.PostAsync(new Uri("cgi-bin/message/custom/send?access_token=T", UriKind.Relative), null);

        var failure = Assert.Throws<InvalidOperationException>(stub.Dispose);
        Assert.Equal("Unmatched outside calls: POST /cgi-bin/message/custom/send", failure.Message);
    }

    [Fact]
    public async Task A_known_path_with_another_method_is_unmatched_too()
    {
        var stub = new WeChatStub();
        using var http = new HttpClient { BaseAddress = stub.BaseAddress };
        await http.GetAsync(new Uri("cgi-bin/stable_token", UriKind.Relative));

        Assert.Throws<InvalidOperationException>(stub.AssertNoUnmatched);
        Assert.Throws<InvalidOperationException>(stub.Dispose);
    }
}
