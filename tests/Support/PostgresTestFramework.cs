using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: TestFramework("Backend.Tests.Support.PostgresTestFramework", "Backend.Tests")]

namespace Backend.Tests.Support;

/// <summary>
/// xunit 2 with two additions. What is to be looked at when everything has run is put last (<see cref="LastInTheRun"/>). And after the last test, before the
/// run is reported as finished, the run's PostgreSQL is stopped and its folder removed.
/// An exit handler of the process would come too late: the runner gives the test host a tenth of a second. When the test host is killed the
/// kernel stops the server (ChildProcess), and the next run removes the folder.
/// </summary>
public sealed class PostgresTestFramework(IMessageSink messages) : XunitTestFramework(messages)
{
    protected override ITestFrameworkExecutor CreateExecutor(AssemblyName assemblyName)
    {
        // On two cores the pool begins with two threads and adds one or two a second: a test that computes for a minute would hold up
        // every other test's servers, stubs and clients in this process until their time limits say so.
        ThreadPool.SetMinThreads(64, 64);
        return new Executor(assemblyName, SourceInformationProvider, DiagnosticMessageSink);
    }

    private sealed class Executor(AssemblyName assemblyName, ISourceInformationProvider source, IMessageSink diagnostics)
        : XunitTestFrameworkExecutor(assemblyName, source, diagnostics)
    {
        protected override async void RunTestCases(
            IEnumerable<IXunitTestCase> testCases, IMessageSink executionMessageSink, ITestFrameworkExecutionOptions executionOptions)
        {
            using var runner = new Runner(TestAssembly, testCases, DiagnosticMessageSink, executionMessageSink, executionOptions);
            await runner.RunAsync();
        }
    }

    private sealed class Runner(
        ITestAssembly assembly, IEnumerable<IXunitTestCase> cases, IMessageSink diagnostics, IMessageSink messages, ITestFrameworkExecutionOptions options)
        : XunitTestAssemblyRunner(assembly, cases, diagnostics, messages, options)
    {
        private (ITestCollection Collection, IEnumerable<IXunitTestCase> Cases)? _last;

        protected override async Task<RunSummary> RunTestCollectionsAsync(IMessageBus messageBus, CancellationTokenSource cancellationTokenSource)
        {
            var summary = await base.RunTestCollectionsAsync(messageBus, cancellationTokenSource);
            if (_last is { } last) summary.Aggregate(await base.RunTestCollectionAsync(messageBus, last.Collection, last.Cases, cancellationTokenSource));
            return summary;
        }

        protected override Task<RunSummary> RunTestCollectionAsync(
            IMessageBus messageBus, ITestCollection testCollection, IEnumerable<IXunitTestCase> testCases, CancellationTokenSource cancellationTokenSource)
        {
            if (testCollection.DisplayName != LastInTheRun.Name) return base.RunTestCollectionAsync(messageBus, testCollection, testCases, cancellationTokenSource);
            _last = (testCollection, testCases);
            return Task.FromResult(new RunSummary());
        }

        protected override async Task BeforeTestAssemblyFinishedAsync()
        {
            await PostgresFixture.StopAsync();
            await base.BeforeTestAssemblyFinishedAsync();
        }
    }
}
